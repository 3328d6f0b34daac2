const KEY = 'shmwire monitor token'

/**
 * The token of the address, from its fragment, which the browser does not send. It moves to the storage of this tab, so that it is not in the
 * address bar or the history, and the page can be loaded again.
 */
export function takeToken(): string {
  const given = location.hash.slice(1)
  if (given !== '') {
    sessionStorage.setItem(KEY, given)
    history.replaceState(null, '', location.pathname)
  }
  // The user has opened another address of this server in the same tab.
  addEventListener('hashchange', () => location.reload())
  return sessionStorage.getItem(KEY) ?? ''
}
