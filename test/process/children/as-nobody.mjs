// Run by another user: tries to listen and to connect, and says how each went.
//   as-nobody.mjs <address to listen at> <address to connect to>
const [listenAt, connectTo] = process.argv.slice(2)

// Imported late: the package's own directory may be closed to this user, which is then said and not thrown.
try {
  const { connect, listen } = await import('../../../dist/index.js')
  const codeOf = (error) => ({ code: error.code, message: error.message })
  const listened = await listen(listenAt).then((server) => server.close().then(() => 'listened'), codeOf)
  const connected = await connect(connectTo).then(
    (channel) => channel.close().then(() => 'connected'),
    codeOf,
  )
  console.log(JSON.stringify({ listened, connected }))
} catch (error) {
  console.log(JSON.stringify({ unusable: error.message }))
}
