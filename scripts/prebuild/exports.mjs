/** Node looks up these names. Others could replace those of another library. */
const EXPORTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

/** The reasons why a binary that exports these names cannot be shipped. */
export function exportFaults(exported) {
  return [
    ...exported.filter((name) => !EXPORTS.includes(name)).map((name) => `exports ${name}`),
    ...EXPORTS.filter((name) => !exported.includes(name)).map((name) => `does not export ${name}`),
  ]
}
