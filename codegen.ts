import type { CodegenConfig } from '@graphql-codegen/cli'

const config = {
  importExtension: '.ts',
  useTypeImports: true,
  enumsAsConst: true,
  scalars: { DateTime: 'string', ID: 'string' },
} as const

const preset = { preset: 'client', presetConfig: { fragmentMasking: false } } as const

/** Reads the printed schema, not the code, because with the code codegen would load a second copy of graphql. */
const codegen: CodegenConfig = {
  schema: './schema.graphql',
  documents: ['test/recipes/operations.graphql'],
  generates: {
    // For plain fetch.
    'test/client/generated/': { ...preset, config: { ...config, documentMode: 'string' } },
    // For urql and Apollo Client.
    'test/client/generated/documents/': { ...preset, config },
  },
}

export default codegen
