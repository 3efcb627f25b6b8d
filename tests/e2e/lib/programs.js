/* A folder with copies of roomd's programs, so that a test can put another one in the place of one of
 * them. */
import { chmod, copyFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BINARY, removeFolder, temporaryFolder } from './roomd.js'

const BUILD = join(dirname(BINARY), '../..')
const HOMES = {
  roomd: 'cmd/roomd/roomd',
  'roomd-gateway': 'cmd/gateway/roomd-gateway',
  'roomd-worker': 'cmd/worker/roomd-worker',
  'roomd-script': 'cmd/script/roomd-script',
  'breaking-worker': 'tests/e2e/programs/breaking-worker',
}

export class Programs {
  /* `places` says what is to be where, for instance {'roomd-worker': 'breaking-worker'}. */
  static async create(places = {}) {
    const programs = new Programs()
    programs.folder = await temporaryFolder()
    for (const name of ['roomd', 'roomd-gateway', 'roomd-worker', 'roomd-script']) {
      await programs.put(name, places[name] ?? name)
    }
    return programs
  }

  get roomd() {
    return join(this.folder, 'roomd')
  }

  /* Installs a program of the build as an upgrade does: with a rename, as the old one may be running. */
  async put(name, from) {
    const fresh = join(this.folder, `${name}.new`)
    await copyFile(join(BUILD, HOMES[from]), fresh)
    await rename(fresh, join(this.folder, name))
  }

  /* A script in the place of a program. */
  async putScript(name, text) {
    const fresh = join(this.folder, `${name}.new`)
    await writeFile(fresh, text)
    await chmod(fresh, 0o755)
    await rename(fresh, join(this.folder, name))
  }

  remove() {
    return removeFolder(this.folder)
  }
}
