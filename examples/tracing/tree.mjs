// The tree of a trace, from the spans that all processes have sent.

/**
 * The rows of the fastest trace, because other programs of the machine slow some: each span below its parent, with its depth, its begin after that of the
 * trace, and its duration.
 */
export function fastestTrace(spans) {
  const roots = spans.filter(({ parentId }) => parentId === undefined)
  const { traceId } = roots.reduce((best, root) => (durationOf(root) < durationOf(best) ? root : best))
  const own = spans.filter((span) => span.traceId === traceId).toSorted((a, b) => a.startMs - b.startMs)
  const ids = new Set(own.map(({ spanId }) => spanId))
  const rows = []
  const add = (span, depth) => {
    rows.push({ ...span, depth })
    for (const child of own) if (child.parentId === span.spanId) add(child, depth + 1)
  }
  for (const span of own) if (!ids.has(span.parentId)) add(span, 0)
  const beginMs = Math.min(...rows.map(({ startMs }) => startMs))
  return rows.map((row) => ({
    ...row,
    atMs: row.startMs - beginMs,
    durationMs: durationOf(row),
  }))
}

function durationOf({ startMs, endMs }) {
  return endMs - startMs
}

/** The end of a trace, after its begin. */
export function lengthOf(rows) {
  return Math.max(...rows.map(({ atMs, durationMs }) => atMs + durationMs))
}
