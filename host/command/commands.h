/*
 * The commands. Each parses its operands from OPTIONS, does its work and returns the error that
 * main prints, if any.
 */
#ifndef VMBUILD_COMMANDS_H
#define VMBUILD_COMMANDS_H

#include "host/command/options.h"
#include "host/lib/error.h"

[[nodiscard]] struct error *build_command(const struct options *options);
[[nodiscard]] struct error *export_command(const struct options *options);
[[nodiscard]] struct error *pull_command(const struct options *options);
[[nodiscard]] struct error *push_command(const struct options *options);
[[nodiscard]] struct error *merge_command(const struct options *options);
[[nodiscard]] struct error *tarsum_command(const struct options *options);
[[nodiscard]] struct error *inspect_command(const struct options *options);
[[nodiscard]] struct error *doctor_command(const struct options *options);
[[nodiscard]] struct error *cache_command(const struct options *options);
[[nodiscard]] struct error *schema_command(const struct options *options);

#endif
