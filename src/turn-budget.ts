/** Deliveries to listeners that take longer go on in the next turn of the event loop, so that timers and sockets get theirs. */
export const TURN_MS_MAX = 1
