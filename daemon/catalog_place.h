// Small questions about the files of a photo, for the parts of the catalog.
#pragma once

#include <string>

#include "daemon/catalog_transaction.h"
#include "daemon/file_stamp.h"
#include "daemon/record.pb.h"

namespace proofline::studio {

inline FileStamp StampOf(const record::Place& place) {
  return {place.device(), place.inode(), place.size_bytes(), place.mtime_ns(), place.volume()};
}

inline void SetStamp(const FileStamp& stamp, record::Place& place) {
  place.set_device(stamp.device);
  place.set_inode(stamp.inode);
  place.set_size_bytes(stamp.size);
  place.set_mtime_ns(stamp.mtime_ns);
  place.set_volume(stamp.volume);
}

// -1 if no place has this path. One that was displaced does not have it any more.
inline int IndexOfPlace(const google::protobuf::RepeatedPtrField<record::Place>& places,
                        const std::string& path) {
  for (int i = 0; i < places.size(); ++i) {
    if (places[i].path() == path && !places[i].displaced()) return i;
  }
  return -1;
}

inline bool IsRendered(const record::Photo& photo) {
  return photo.state() == v1::LOCAL_PHOTO_STATE_RENDERED ||
         photo.state() == v1::LOCAL_PHOTO_STATE_PUBLISHED;
}

// Waits to be rendered, without a place in the queue, because no file was there.
inline bool IsWaitingForFile(const record::Photo& photo) {
  return photo.state() == v1::LOCAL_PHOTO_STATE_WAITING && photo.ticket() == 0;
}

// The host shows it, or may do so, or is about to.
inline bool IsAtHost(const record::Photo& photo) {
  if (photo.sequence() != 0) return !photo.sequence_withdraws();
  return photo.offered() || (photo.published_sequence() != 0 && !photo.withdrawn());
}

// The host cannot know its id. Not for photos with a change that waits to be published.
inline bool IsUnknownToHost(const record::Photo& photo) {
  return !photo.offered() && photo.published_sequence() == 0 && photo.sequence() == 0;
}

// The selection keeps it from the host, and nothing is about to be made of it.
inline bool StaysHere(const record::Photo& photo) {
  return photo.state() == v1::LOCAL_PHOTO_STATE_KEPT ||
         (photo.state() == v1::LOCAL_PHOTO_STATE_FAILED && photo.kept());
}

}  // namespace proofline::studio
