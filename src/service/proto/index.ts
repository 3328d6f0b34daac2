export { type Contracts, loadContracts } from './load-contracts.js'
export {
  type ProtoContract,
  type ProtoContractOptions,
  type ProtoMethod,
  type ProtoMethods,
  protoContract,
} from './proto-contract.js'
export type { ProtoMessageType } from './proto-message.js'
