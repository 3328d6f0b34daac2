// In place of the types of jsdom and happy-dom, to which those of Vitest refer. They would declare the globals of a browser for all tests.
export type ConstructorOptions = never
