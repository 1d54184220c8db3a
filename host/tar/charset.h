/*
 * The charset of names in archives. They are bytes to us, but libarchive takes them for text in the
 * locale's charset, which it converts from and to the UTF-8 of PAX records.
 *
 * charset.c stands in for the C library's nl_langinfo, which libarchive asks for that charset, so
 * that the program's output depends neither on the user's locale nor on which locales a host has.
 * It is UTF-8, in which names that are UTF-8 are written as they are and others get the record
 * hdrcharset=BINARY, but for a thread that reads.
 */
#ifndef VMBUILD_CHARSET_H
#define VMBUILD_CHARSET_H

/* For this thread, until charset_for_writing: names are ASCII. Names in PAX records that are not, libarchive
 * then leaves as they are. With UTF-8 it would compose them into Unicode's form C, which are other names. */
void charset_for_reading(void);

/* For this thread, as at its start: names are UTF-8. */
void charset_for_writing(void);

#endif
