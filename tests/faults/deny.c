/*
 * For tests: runs a command whose system calls fail as on another kernel or file system.
 *
 * usage: deny CALL=ERRNO... COMMAND [ARGUMENT...]
 *
 * ERRNO is a number. The filter holds for all that COMMAND starts, too.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Adds the rule "CALL=ERRNO" to FILTER. Returns 0, or -1 if there is no such call. */
static int add_rule(scmp_filter_ctx filter, char *rule)
{
    char *number = strchr(rule, '=');

    *number++ = '\0';
    int call = seccomp_syscall_resolve_name(rule);

    if (call == __NR_SCMP_ERROR)
        return -1;
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO((unsigned int)atoi(number)), call, 0);
}

int main(int argc, char **argv)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int i = 1;

    for (; i < argc && strchr(argv[i], '=') != NULL; i++)
        if (filter == NULL || add_rule(filter, argv[i]) != 0) {
            fprintf(stderr, "deny: cannot refuse '%s'\n", argv[i]);
            return 125;
        }
    if (i >= argc || seccomp_load(filter) != 0) {
        fprintf(stderr, "deny: no command, or no filter: %s\n", strerror(errno));
        return 125;
    }
    execvp(argv[i], argv + i);
    fprintf(stderr, "deny: run '%s': %s\n", argv[i], strerror(errno));
    return 127;
}
