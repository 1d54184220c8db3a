#include "host/command/commands.h"

#include "host/command/options.h"
#include "host/machine/confined_qemu.h"
#include "host/machine/confined_uml.h"
#include "host/network/network_stack.h"

int commands_stand_in(char *const *argv)
{
    if (network_stack_is(argv))
        return network_stack_run(argv);
    if (confined_uml_is_asked(argv[0]))
        return confined_uml_run(argv);
    return confined_qemu_is_asked(argv[0]) ? confined_qemu_run(argv) : -1;
}

struct error *commands_run(const struct options *options, int *ret_status)
{
    switch ((enum command_id)(options->command - command_table)) {
    case COMMAND_BUILD:
        return build_command(options);
    case COMMAND_CONVERT:
        return convert_command(options);
    case COMMAND_GRAPH:
        return graph_command(options);
    case COMMAND_SHELL:
        return shell_command(options, ret_status);
    case COMMAND_RUN:
        return run_in_image_command(options, ret_status);
    case COMMAND_RESUME:
        return resume_command(options, ret_status);
    case COMMAND_EXPORT:
        return export_command(options);
    case COMMAND_PULL:
        return pull_command(options);
    case COMMAND_PUSH:
        return push_command(options);
    case COMMAND_COPY:
        return copy_command(options);
    case COMMAND_LOGIN:
        return login_command(options);
    case COMMAND_LOGOUT:
        return logout_command(options);
    case COMMAND_MERGE:
        return merge_command(options);
    case COMMAND_TARSUM:
        return tarsum_command(options);
    case COMMAND_INSPECT:
        return inspect_command(options);
    case COMMAND_LIST_TAGS:
        return list_tags_command(options);
    case COMMAND_DOCTOR:
        return doctor_command(options);
    case COMMAND_CACHE:
        return cache_command(options);
    case COMMAND_SCHEMA:
        return schema_command(options);
    case COMMAND_COUNT:
        break;
    }
    return NULL;
}
