/* manual - the parts of chattui's man pages that are made of tables, in scdoc's language.
 *
 *     flags, settings         the options, on the command line and in the configuration file
 *     keys, actions           what a key does; the same as a file of keys, with the defaults
 *     commands                the /commands
 *     styles, light-styles    the built-in looks as a theme file; what differs on a light
 * background
 */
#ifndef CHATTUI_IO_MANUAL_H
#define CHATTUI_IO_MANUAL_H

#include "common/base/buf.h"

#define MANUAL_PARTS "flags|settings|keys|actions|commands|styles|light-styles"

void manual_part(const char *part, struct buf *out);

#endif
