import { type DescField, type DescMessage, type DescMethod, getOption, hasOption } from '@bufbuild/protobuf'
import { misuse, show } from '../../options.js'
import { type HttpBinding, httpBinding } from '../contract/http-binding.js'
import { findExtension } from './find-extension.js'

const HTTP_OPTION = 'google.api.http'

/** A message google.api.HttpRule. */
interface HttpRule {
  readonly pattern: {
    readonly case: string | undefined
    readonly value?: string | { readonly kind: string; readonly path: string }
  }
  readonly body: string
  readonly responseBody: string
  readonly additionalBindings: readonly HttpRule[]
}

/** The routes that the option google.api.http of a method states. Throws `INVALID_ARGUMENT`. */
export function httpRulesOf(method: DescMethod, place: string): readonly HttpBinding[] {
  const extension = findExtension(method.parent.file, HTTP_OPTION)
  if (extension === undefined || !hasOption(method, extension)) return []
  const rule = getOption(method, extension) as HttpRule
  return [rule, ...rule.additionalBindings].map((one) => bindingOf(one, place))
}

/** Throws `INVALID_ARGUMENT` unless the fields that the bindings name are fields of the messages. */
export function checkFields(
  bindings: readonly HttpBinding[],
  { input, output }: DescMethod,
  place: string,
): void {
  for (const { template, body, responseBody } of bindings) {
    for (const { field } of template.variables) checkVariable(field, input, place)
    if (body !== '' && body !== '*') fieldOf(body, input, place)
    if (responseBody !== '') fieldOf(responseBody, output, place)
  }
}

function bindingOf({ pattern, body, responseBody }: HttpRule, place: string): HttpBinding {
  const { case: kind = '', value = '' } = pattern
  const [method, path] = typeof value === 'string' ? [kind.toUpperCase(), value] : [value.kind, value.path]
  return httpBinding(place, { method, path, body, responseBody })
}

/** The value of a variable is a part of the path, so it is neither a list nor a message of the program's own. */
function checkVariable(path: string, input: DescMessage, place: string): void {
  const steps = path.split('.')
  let parent = input
  for (const [index, step] of steps.entries()) {
    const field = fieldOf(step, parent, place)
    const isLast = index === steps.length - 1
    if (isLast && isSingleValue(field)) return
    if (isLast || field.fieldKind !== 'message')
      throw misuse(
        `the variable ${show(path)} in ${place} is not a field with a single value; ${field.toString()}`,
      )
    parent = field.message
  }
}

function isSingleValue(field: DescField): boolean {
  if (field.fieldKind === 'message') return field.message.typeName.startsWith('google.protobuf.')
  return field.fieldKind === 'scalar' || field.fieldKind === 'enum'
}

function fieldOf(name: string, { fields, typeName }: DescMessage, place: string): DescField {
  const field = fields.find((candidate) => candidate.name === name)
  if (field === undefined)
    throw misuse(`${place} names the field ${show(name)}, which ${typeName} does not have`)
  return field
}
