/*
 * A graph of images as a shell script that submits a job of Slurm for each, which is started when
 * the jobs of those that it needs have succeeded (sbatch(1)). What jobs make, others find in the
 * shared caches, whatever machine they run on.
 */
#ifndef VMBUILD_GRAPH_SLURM_H
#define VMBUILD_GRAPH_SLURM_H

#include "host/command/graph_builds.h"
#include "host/lib/buffer.h"

/* Appends the script that submits BUILDS. */
void graph_slurm_write(const struct graph_builds *builds, struct buffer *out);

#endif
