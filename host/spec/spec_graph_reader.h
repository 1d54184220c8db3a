/*
 * Reading a graph of images (spec_graph.h): what the kinds of keys need for values that are an
 * image to be built.
 */
#ifndef VMBUILD_SPEC_GRAPH_READER_H
#define VMBUILD_SPEC_GRAPH_READER_H

#include <stddef.h>

#include "host/spec/spec_kind.h"

/* Reads the image that VALUE, an object of KEY in SOURCE, stands for, unless it was read before.
 * *RET_NODE is its number in the graph, *RET_NAME its name, the caller's. Errors: EXIT_INPUT, from
 * spec_error. */
[[nodiscard]] struct error *spec_graph_reader_refer(struct spec_graph_reader *reader,
                                                    const struct spec_key *key,
                                                    const struct spec_source *source,
                                                    const struct json *value, size_t *ret_node,
                                                    char **ret_name);

#endif
