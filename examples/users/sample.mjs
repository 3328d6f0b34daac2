// Users for the measurement, with letters of one to four bytes.
const NAMES = ['Ann Lee', 'Zoë Müller', 'Łukasz Żak', '王 小明', 'Fox 🦊']

/** Creates them through one path, and resolves to them. */
export async function createUsers(path, context, count) {
  const { users, channel } = await path.open(context)
  const created = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const user = { name: `${NAMES[index % NAMES.length]} ${index}`, email: `user-${index}@example.com` }
      const answer = await users.createUser(user)
      return { ...user, id: answer.user.id }
    }),
  )
  await users.$close()
  await channel?.close()
  return created.toSorted((one, other) => one.id - other.id)
}
