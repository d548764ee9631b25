/* reload - SIGHUP: all settings are read anew, and taken over if all of them are right; else those
 * that are in effect stay, and the log says what is wrong and where. A setting that can't change
 * while chatd serves stays too, and the log names it. */
#ifndef CHATD_DAEMON_RELOAD_H
#define CHATD_DAEMON_RELOAD_H

#include "chatd/base/settings.h"

/* False: nothing was taken over. */
bool reload_settings(struct chatd_settings *set, int argc, char **argv);

#endif
