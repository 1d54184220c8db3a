/*
 * The charset of names in archives. To us they are bytes, but to libarchive they are text in the
 * locale's charset, which it converts from and to the UTF-8 of PAX records.
 *
 * charset.c stands in for the C library's nl_langinfo, which libarchive asks for that charset, so
 * that the program's output depends neither on the user's locale nor on which locales a host has.
 * It is UTF-8, except for a thread that reads: names that are UTF-8 are then written unchanged, and
 * others get the record hdrcharset=BINARY.
 */
#ifndef VMBUILD_CHARSET_H
#define VMBUILD_CHARSET_H

/* For this thread, until charset_for_writing: names are ASCII. libarchive then leaves other names
 * in PAX records unchanged. With UTF-8 it would compose them into Unicode's form C, which are
 * different names. */
void charset_for_reading(void);

/* For this thread, as at its start: names are UTF-8. */
void charset_for_writing(void);

#endif
