import type { DescEnum, DescField, DescFile, DescMessage, DescMethod, DescService } from '@bufbuild/protobuf'

/** The numbers of the fields in descriptor.proto that hold the declarations of each kind. */
const MESSAGES = 4
const ENUMS = 5
const SERVICES = 6
const FIELDS_OF_MESSAGE = 2
const MESSAGES_OF_MESSAGE = 3
const ENUMS_OF_MESSAGE = 4
const METHODS_OF_SERVICE = 2

type Commented = DescEnum | DescField | DescMessage | DescMethod | DescService

const commentsOfFiles = new WeakMap<DescFile, ReadonlyMap<string, string>>()

/** The comment before a declaration, or behind it. Empty without one, or if the descriptors have no source information, as generated code. */
export function commentOf(desc: Commented): string {
  const file = desc.kind === 'rpc' || desc.kind === 'field' ? desc.parent.file : desc.file
  let comments = commentsOfFiles.get(file)
  if (comments === undefined) {
    comments = readComments(file)
    commentsOfFiles.set(file, comments)
  }
  return comments.get(pathOf(desc).join()) ?? ''
}

function readComments({ proto }: DescFile): ReadonlyMap<string, string> {
  const comments = new Map<string, string>()
  for (const { path, leadingComments, trailingComments } of proto.sourceCodeInfo?.location ?? []) {
    const text = textOf(leadingComments) || textOf(trailingComments)
    if (text !== '') comments.set(path.join(), text)
  }
  return comments
}

/** Without the space that follows the slashes. */
function textOf(comment: string): string {
  return comment
    .split('\n')
    .map((line) => line.replace(/^ /, '').trimEnd())
    .join('\n')
    .trim()
}

/** The place of the declaration in its file: see SourceCodeInfo.Location in descriptor.proto. */
function pathOf(desc: Commented): readonly number[] {
  switch (desc.kind) {
    case 'service':
      return [SERVICES, desc.file.proto.service.indexOf(desc.proto)]
    case 'rpc':
      return [...pathOf(desc.parent), METHODS_OF_SERVICE, desc.parent.proto.method.indexOf(desc.proto)]
    case 'field':
      return [...pathOf(desc.parent), FIELDS_OF_MESSAGE, desc.parent.proto.field.indexOf(desc.proto)]
    case 'message':
      return desc.parent === undefined
        ? [MESSAGES, desc.file.proto.messageType.indexOf(desc.proto)]
        : [...pathOf(desc.parent), MESSAGES_OF_MESSAGE, desc.parent.proto.nestedType.indexOf(desc.proto)]
    case 'enum':
      return desc.parent === undefined
        ? [ENUMS, desc.file.proto.enumType.indexOf(desc.proto)]
        : [...pathOf(desc.parent), ENUMS_OF_MESSAGE, desc.parent.proto.enumType.indexOf(desc.proto)]
  }
}
