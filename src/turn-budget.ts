/** A longer delivery continues in the next turn of the event loop, so that timers and sockets also run. */
export const TURN_MS_MAX = 1
