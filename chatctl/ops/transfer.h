/* transfer - the format of export and import: JSON lines, each with its "type".
 *
 *   chat-export  version                     the first line
 *   user         UUID created fields         a record, with the password's hash
 *   channel      channel activity meta       epoch, base, seq, retention
 *   joined       user channel at             a channel in the user's own list
 *   member       channel user at
 *   mark         channel at mark             a purge that is told; see purge.lua
 *   message      channel seq UUID senderUUID senderUsername at message
 *   entry        channel id fields           an entry that is no message of ours
 *   end          users channels members messages: without this last line the file was cut
 *
 * Fields are [{"k":NAME,"v":TEXT}…], with "hex" instead of "v" for what is no UTF-8. Times are ms
 * since 1970, as they are stored. Access keys, trash and presence are not in it: everybody signs in
 * again.
 */
#ifndef CHATCTL_OPS_TRANSFER_H
#define CHATCTL_OPS_TRANSFER_H

#define TRANSFER_VERSION 1
#define TRANSFER_LINE (1u << 20) /* bytes at most */

#endif
