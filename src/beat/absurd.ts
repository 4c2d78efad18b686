// How far ahead of the clock a time may lie and be believed: further ahead, some clock was not off but wrong.

/** Further ahead than this is absurd: a clock is off by an hour or a zone, or it is simply not set. */
export const absurdMs = 24 * 3_600_000;
