import type { CodegenConfig } from '@graphql-codegen/cli'

/** Reads the printed schema, not the code, because with the code codegen would load a second copy of graphql. */
const config: CodegenConfig = {
  schema: './schema.graphql',
  documents: ['test/recipes/operations.graphql'],
  generates: {
    'test/client/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: 'string',
        importExtension: '.ts',
        useTypeImports: true,
        enumsAsConst: true,
        scalars: { DateTime: 'string', ID: 'string' },
      },
    },
  },
}

export default config
