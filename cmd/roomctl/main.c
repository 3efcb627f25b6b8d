/* roomctl, the operator's command line. */
#include "base/map.h"
#include "base/random.h"
#include "roomctl/roomctl.h"

int main(int argc, char **argv)
{
    map_seed(random_u64());
    return roomctl_run(argc, argv);
}
