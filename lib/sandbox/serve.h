/* The inside of a sandbox: a process that runs a schema file's code for a worker, and nothing else.
 */
#ifndef SANDBOX_SERVE_H
#define SANDBOX_SERVE_H

/* Serves on the socket `fd` until the other side closes it; returns the exit status. Gives up
 * everything that code has no need of first: files, further processes, privileges to be gained. */
int sandbox_serve(int fd);

#endif
