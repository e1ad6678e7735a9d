# The image of the gateway: docker build -t line-graphql-gateway .
# Without dev dependencies and TypeScript; the only Node is that of the base image.

FROM node:24.21.0-trixie-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY src/ src/
# The folder that is built from can have files that only its owner reads, and some are copied as they are.
RUN npm run build && chmod -R a+rX dist

FROM node:24.21.0-trixie-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM node:24.21.0-trixie-slim
LABEL org.opencontainers.image.title="LINE GraphQL gateway" \
      org.opencontainers.image.description="One GraphQL endpoint in front of the LINE Platform" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production
WORKDIR /app
# All files belong to root: the process cannot change its own code.
COPY --from=dependencies /app/node_modules node_modules/
COPY --from=build /build/dist dist/
COPY --chmod=644 package.json LICENSE ./

# The user "node" of the base image. Kubernetes checks runAsNonRoot only with a number.
USER 1000
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "require('http').get({host:'127.0.0.1',port:process.env.PORT||4000,path:'/health'},r=>process.exit(r.statusCode===200?0:1)).on('error',()=>process.exit(1))"]
# The program itself: npm would not pass SIGTERM on. The options are those of npm start.
CMD ["node", "--min-semi-space-size=64", "--max-semi-space-size=64", "dist/main.js"]
