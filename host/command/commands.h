/*
 * The commands. Each takes its options and arguments from OPTIONS, does its work and returns the
 * error that main shows, if any.
 */
#ifndef VMBUILD_COMMANDS_H
#define VMBUILD_COMMANDS_H

#include "host/lib/error.h"

struct options;

/* Returns below 0, unless the program was started under a name by which it is another one
 * (network_stack.h) or stands in for one (confined_qemu.h). Then it is that one until it ends, and
 * this returns the exit code. */
int commands_stand_in(char *const *argv);

/* Runs the command that OPTIONS name. If it is one that ends as a program of the user's does,
 * *RET_STATUS is that one's exit status; otherwise it is left as it is. */
[[nodiscard]] struct error *commands_run(const struct options *options, int *ret_status);

[[nodiscard]] struct error *build_command(const struct options *options);
[[nodiscard]] struct error *convert_command(const struct options *options);
[[nodiscard]] struct error *graph_command(const struct options *options);
[[nodiscard]] struct error *shell_command(const struct options *options, int *ret_status);
[[nodiscard]] struct error *run_in_image_command(const struct options *options, int *ret_status);
[[nodiscard]] struct error *resume_command(const struct options *options, int *ret_status);
[[nodiscard]] struct error *export_command(const struct options *options);
[[nodiscard]] struct error *pull_command(const struct options *options);
[[nodiscard]] struct error *push_command(const struct options *options);
[[nodiscard]] struct error *copy_command(const struct options *options);
[[nodiscard]] struct error *login_command(const struct options *options);
[[nodiscard]] struct error *logout_command(const struct options *options);
[[nodiscard]] struct error *merge_command(const struct options *options);
[[nodiscard]] struct error *tarsum_command(const struct options *options);
[[nodiscard]] struct error *inspect_command(const struct options *options);
[[nodiscard]] struct error *list_tags_command(const struct options *options);
[[nodiscard]] struct error *doctor_command(const struct options *options);
[[nodiscard]] struct error *cache_command(const struct options *options);
[[nodiscard]] struct error *schema_command(const struct options *options);

#endif
