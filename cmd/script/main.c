/* roomd-script: runs the code of a schema file. Started by roomd-worker, with the socket between
 * them as its only argument. */
#include "sandbox/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("roomd-script %s\n", ROOMD_VERSION);
        return EXIT_SUCCESS;
    }
    if (argc != 3 || strcmp(argv[1], "--fd") != 0 || atoi(argv[2]) <= 2) {
        fprintf(stderr, "roomd-script: is started by roomd-worker, as roomd-script --fd N\n");
        return 2;
    }
    return sandbox_serve(atoi(argv[2]));
}
