/* A tldraw board whose room lives in roomd. The whole integration is the call of useSync: roomd
 * speaks the SDK's own protocol, so nothing here is special to it. */
import { getAssetUrlsByImport } from '@tldraw/assets/imports.vite'
import { useSync } from '@tldraw/sync'
import { createRoot } from 'react-dom/client'
import { Tldraw } from 'tldraw'
import { inlineAssets, MAX_ASSET_BYTES } from './assets.js'

const query = new URLSearchParams(location.search)
const room = query.get('room') || 'tldraw'
const server = query.get('server') || import.meta.env.VITE_ROOMD_URL || 'ws://localhost:8080'

/* useSync adds `sessionId`, which stays the same over the reconnects of one tab, and `storeId`. */
const uri = `${server.replace(/\/$/, '')}/connect/${encodeURIComponent(room)}`

/* Fonts, icons and translations from this build; by default tldraw loads them from a CDN. */
const assetUrls = getAssetUrlsByImport()

function onMount(editor) {
  window.editor = editor // for the console, and for tests
}

function Board() {
  const store = useSync({ uri, assets: inlineAssets })
  return (
    <Tldraw store={store} assetUrls={assetUrls} maxAssetSize={MAX_ASSET_BYTES} onMount={onMount} />
  )
}

createRoot(document.getElementById('root')).render(<Board />)
