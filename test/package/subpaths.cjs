// Loads every entry of the package by `require` and by `import`, and checks that both get the same module.
const assert = require('node:assert/strict')
const { exports: entries } = require('shmwire/package.json')

async function main() {
  const names = Object.keys(entries).filter((entry) => entries[entry].types !== undefined)
  for (const name of names.map((entry) => entry.replace('.', 'shmwire'))) {
    const required = require(name)
    const imported = await import(name)
    assert.ok(Object.keys(imported).length > 0, `${name} exports nothing`)
    for (const [key, value] of Object.entries(imported)) assert.equal(required[key], value, `${name}: ${key}`)
  }
  console.log(`${names.length} entries`)
}

void main()
