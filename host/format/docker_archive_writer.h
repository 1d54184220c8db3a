/*
 * Writes an image as a docker-archive, as `docker save` does: manifest.json, the config named by
 * its digest, `repositories`, and for each layer a directory ID/ with VERSION, json and layer.tar.
 * The small documents come first, so that a reader of a compressed archive finds them without
 * decompressing all of it.
 */
#ifndef VMBUILD_DOCKER_ARCHIVE_WRITER_H
#define VMBUILD_DOCKER_ARCHIVE_WRITER_H

#include "host/image/image.h"
#include "host/store/store.h"
#include "host/tar/compression.h"
#include "host/tar/tar_writer.h"

/* Adds IMAGE's files to WRITER, an archive in COMPRESSION. Compressed forms of base layers are
 * taken from STORE or made there. Errors: EXIT_DISK_FULL (the output's or the cache's),
 * EXIT_OTHER. */
[[nodiscard]] struct error *docker_archive_write(const struct image *image,
                                                 enum compression compression, struct store *store,
                                                 struct tar_writer *writer);

#endif
