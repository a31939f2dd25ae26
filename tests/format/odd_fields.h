/* Every field of what the story stores, with odd values. */
#ifndef FORMAT_ODD_FIELDS_H
#define FORMAT_ODD_FIELDS_H

/* 0: each store was refused, or made a sound book. Ends the program where one did neither. */
int odd_fields(void);

#endif
