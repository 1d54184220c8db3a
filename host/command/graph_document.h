/*
 * A graph of images as a document, with what is known of each: a JSON object, or a picture for
 * Graphviz.
 */
#ifndef VMBUILD_GRAPH_DOCUMENT_H
#define VMBUILD_GRAPH_DOCUMENT_H

#include "host/lib/buffer.h"
#include "host/lib/json.h"
#include "host/spec/spec_graph.h"

/* Append the document of GRAPH, whose needed nodes have RESULTS: "key" and "cached", as a build
 * that only looks tells them (build/build.h), both null if they are not known. */
void graph_document_write_json(const struct spec_graph *graph, struct json *const *results,
                               struct buffer *out);
void graph_document_write_dot(const struct spec_graph *graph, struct json *const *results,
                              struct buffer *out);

#endif
