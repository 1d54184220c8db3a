#include "spec.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../guest/contract.h"
#include "architecture.h"
#include "cleanup.h"
#include "image_config.h"
#include "image_options.h"
#include "memory.h"
#include "nearest.h"
#include "reference.h"
#include "spec_key.h"
#include "spec_override.h"

#define CREATED_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z: RFC 3339 has no later time */
