/*
 * Here-documents of an instruction: `<<NAME`, `3<<NAME`, `<<-NAME` (tabs at the start of its lines
 * do not count) and `<<"NAME"` (nothing in it is replaced). Its lines follow the instruction, up to
 * one that is NAME.
 */
#ifndef VMBUILD_HEREDOC_H
#define VMBUILD_HEREDOC_H

#include <stdbool.h>
#include <stddef.h>

#include "host/lib/error.h"

struct heredoc {
    char *name;
    bool is_quoted;   /* its text is to stay as it is */
    bool strips_tabs; /* `<<-` */
    char *text;       /* its lines, as they are in the file; NULL until they are read */
};

struct heredocs {
    struct heredoc *items;
    size_t count;
};

/* Reads WORD, one word of an instruction with its quotes. *RET_IS_ONE: it is a here-document, and
 * *RET the caller's, which heredoc_free frees; without its text. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *heredoc_read(const char *word, bool *ret_is_one, struct heredoc *ret);

/* Adds those of LINE, an instruction, to RET, in their order and without their texts. Errors:
 * EXIT_INPUT. */
[[nodiscard]] struct error *heredocs_find(const char *line, struct heredocs *ret);

/* Whether LINE, of LENGTH bytes and without its line end, is the end of HEREDOC. */
bool heredoc_ends_at(const struct heredoc *heredoc, const char *line, size_t length);

/* Returns HEREDOC's text without the tabs that do not count; the caller's. */
char *heredoc_text(const struct heredoc *heredoc);

void heredoc_free(struct heredoc *heredoc);
void heredocs_free(struct heredocs *heredocs);

#endif
