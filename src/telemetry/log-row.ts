/** A line of the gateway's log, as a row of `logTable`. */
export type LogRow = {
  readonly level: LogLevel
  /** `{name}` stands for a value: of the field with this name, else of a value that is in the message only. */
  readonly message: string
  /** The message where LOG_CLIENT_NETWORK leaves out addresses of clients. */
  readonly messageWithoutNetwork?: string
  readonly when: string
  readonly fields: Readonly<Record<string, LogField<unknown, boolean>>>
  /** Every such line is written. Other lines are sampled in a flood. */
  readonly isAlwaysWritten?: true
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal'

export type LogField<Value, Optional extends boolean = false> = {
  readonly type: 'text' | 'number' | 'list' | 'object'
  readonly meaning: string
  readonly isOptional: Optional
  /** It tells where a client is: LOG_CLIENT_NETWORK leaves it out. */
  readonly isPersonal: boolean
  /** Only for the type. */
  readonly value?: Value
}

export function text<Value extends string = string>(meaning: string): LogField<Value> {
  return field('text', meaning)
}

export function texts(meaning: string): LogField<readonly string[]> {
  return field('list', meaning)
}

/** The unit is a part of the meaning. */
export function number(meaning: string): LogField<number> {
  return field('number', meaning)
}

export function object<Value extends object>(meaning: string): LogField<Value> {
  return field('object', meaning)
}

export function optional<Value>(always: LogField<Value>): LogField<Value, true> {
  return { ...always, isOptional: true }
}

export function personal<Value, Optional extends boolean>(some: LogField<Value, Optional>): LogField<Value, Optional> {
  return { ...some, isPersonal: true }
}

/** What a caller gives for a row: its fields, and the values that are in its message only. */
export type ValuesOf<Row extends LogRow> = {
  readonly [Name in keyof Row['fields'] as IsOptional<Row['fields'][Name], Name>]?:
    | FieldValue<Row['fields'][Name]>
    | undefined
} & {
  readonly [Name in keyof Row['fields'] as IsRequired<Row['fields'][Name], Name>]: FieldValue<Row['fields'][Name]>
} & { readonly [Name in Exclude<NamesIn<Row['message']>, keyof Row['fields']>]: string }

type IsOptional<Field, Name> = Field extends LogField<unknown, true> ? Name : never
type IsRequired<Field, Name> = Field extends LogField<unknown, true> ? never : Name
type FieldValue<Field> = Field extends LogField<infer Value, boolean> ? Value : never
type NamesIn<Message> = Message extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never

function field<Value>(type: LogField<Value>['type'], meaning: string): LogField<Value> {
  return { type, meaning, isOptional: false, isPersonal: false }
}
