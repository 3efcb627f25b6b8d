/* Something that the user can understand and change: shown without a stack. */
export class Failure extends Error {}
