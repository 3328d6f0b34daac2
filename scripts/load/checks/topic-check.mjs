/** The faults of a subscription, which began before the first message. `sequence` is that of the newest message. */
export function faultsOfSubscription(name, sequence, account) {
  const { received, lost, faults } = account
  const found = faults.map((fault) => `${name}: ${fault}`)
  if (account.sequence !== sequence) found.push(`${name}: ends at message ${account.sequence} of ${sequence}`)
  if (received + lost !== sequence)
    found.push(
      `${name}: ${received} received and ${lost} lost messages are not the ${sequence} published ones`,
    )
  return found
}
