// Sends video frames to another process, first with copies, then without: with claims and views.
//
//   node examples/large-frames.mjs [FRAMES]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, listen } from 'shmwire'

const FRAME_BYTES = 1280 * 720 * 4
/** A claim lies in the ring only if it is at most an eighth of it. The ring begins with 64 KiB, so the first frames are copied. */
const RING_BYTES = 32 * 1024 * 1024
const ownFrame = Buffer.alloc(FRAME_BYTES)
const cpuMs = () => Object.values(process.cpuUsage()).reduce((sum, micros) => sum + micros) / 1000

const [first, viewerWay] = process.argv.slice(2)
if (viewerWay !== undefined) await view(first, viewerWay === 'views')
else {
  await film('copies', Number(first ?? 200), sendCopy)
  await film('views', Number(first ?? 200), sendInPlace)
}

async function film(way, count, sendFrame) {
  const server = await listen(`camera-${process.pid}`, { codec: 'bytes', ringBytes: RING_BYTES })
  const viewer = fork(import.meta.filename, [server.address, way])
  const failed = once(viewer, 'exit').then(([code]) => Promise.reject(new Error(`the viewer ended: ${code}`)))
  const [channel] = await Promise.race([once(server, 'channel'), failed])
  const [beginMs, beginCpuMs] = [performance.now(), cpuMs()]
  for (let index = 0; index < count; index += 1) await sendFrame(channel, index)
  // The request arrives after all frames: a channel keeps the order of messages and requests.
  const seen = JSON.parse(await channel.request(Buffer.alloc(0)))
  const perFrame = (ms) => `${(ms / count).toFixed(2)} ms`
  const [elapsed, cpu] = [performance.now() - beginMs, seen.cpuMs + cpuMs() - beginCpuMs].map(perFrame)
  console.log(`${way} over ${channel.transport}: ${seen.frames} frames of ${FRAME_BYTES} bytes arrived`)
  console.log(`  ${elapsed} a frame, ${cpu} of CPU time in both processes`)
  await server.close()
}

async function sendCopy(channel, index) {
  ownFrame.fill(index) // stands for a camera or a decoder
  await channel.send(ownFrame) // once this resolves, the memory of the frame is free for the next one
}

async function sendInPlace(channel, index) {
  let claim = channel.claim(FRAME_BYTES)
  while (claim === null) {
    await once(channel, 'drain')
    claim = channel.claim(FRAME_BYTES)
  }
  claim.bytes.fill(index) // the frame is made in the ring
  claim.commit()
}

async function view(address, views) {
  const channel = await connect(address, { codec: 'bytes', views })
  const beginCpuMs = cpuMs()
  let frames = 0
  // With views the frame is the memory of the camera: read it here, and copy the parts that you keep.
  channel.on('message', (frame) => (frames += frame.at(-1) === (frames & 255)))
  channel.handle(() => Buffer.from(JSON.stringify({ frames, cpuMs: cpuMs() - beginCpuMs })))
}
