#define _GNU_SOURCE
#include "CSystemShims.h"
#include <time.h>

int64_t slipway_since_boot(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_BOOTTIME, &now)) return 0;
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
