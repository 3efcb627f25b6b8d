/* The schema of a tldraw app without anything of its own. */
import { createTLSchema } from '@tldraw/tlschema'

export default createTLSchema()
