/* Keeps images inside the document, as data URLs, so that the example needs no upload server.
 * Everyone who opens the room downloads all of them: fine for trying things out, and the first
 * thing to replace in a real app. There `upload` sends the file to your storage and returns its
 * address. */
export const MAX_ASSET_BYTES = 2 * 1024 * 1024

export const inlineAssets = {
  upload(asset, file) {
    return new Promise((resolve, reject) => {
      const reader = new FileReader()
      reader.onload = () => resolve({ src: reader.result })
      reader.onerror = () => reject(reader.error)
      reader.readAsDataURL(file)
    })
  },
  resolve(asset) {
    return asset.props.src
  },
}
