import type { Picture } from '../picture/draw-picture.js'

/** Pixels for each unit of the drawing, so that small texts are sharp. */
const SCALE = 2

/** Downloads a picture as PNG, which every issue tracker shows. */
export async function savePicture({ svg, width, height }: Picture, name: string): Promise<void> {
  const image = new Image()
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`
  await image.decode()
  const canvas = document.createElement('canvas')
  canvas.width = width * SCALE
  canvas.height = height * SCALE
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height)
  const blob = await new Promise<Blob | null>((resolve) => {
    canvas.toBlob(resolve, 'image/png')
  })
  if (blob === null) throw new Error(`the browser cannot draw ${canvas.width} × ${canvas.height} pixels`)
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  // The download has begun, and keeps the data.
  URL.revokeObjectURL(link.href)
}
