import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [react()],
  base: './', // dist works in any folder of any web server
  optimizeDeps: { exclude: ['@tldraw/assets'] }, // its imports are files, which bundling it would lose
  build: { chunkSizeWarningLimit: 4000 }, // tldraw is one big chunk, and that is fine here
})
