/* SPDX-License-Identifier: Apache-2.0 */
/* What a word is: a run of letters, digits and underscores, as `tr -cs A-Za-z0-9_ '\n'` finds it in bytes. */
#ifndef WORD_H
#define WORD_H

static inline int in_word(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

#endif
