#include "host/format/layer_folder_writer.h"

#include <fcntl.h>
#include <string.h>

#include "host/format/v1_image.h"
#include "host/image/layer_tar.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/progress.h"
#include "host/store/store_copy.h"

struct error *layer_folder_write(const struct image *image, struct store *store, const char *folder)
{
    CLEANUP(freep) struct digest *ids = v1_image_ids(image);
    CLEANUP(buffer_free) struct buffer json = {0};

    if (image->layer_count == 0)
        return error_new(EXIT_INPUT, "write layer: the image has no layers");
    struct layer *layer = &image->layers[image->layer_count - 1];

    TRY(layer_tar_need(layer, store));
    v1_image_json(image, ids, image->layer_count - 1, &json);
    CLEANUP(closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return error_errno(EXIT_OTHER, "open directory '%s'", folder);
    TRY(file_make_copy(fd, "layer.tar", layer->tar_path, layer->size,
                       layer->is_temporary ? file_user_up() : store_copier(store)));
    progress_bytes(layer->size, layer->size);
    TRY(file_make(fd, "json", json.data, json.length));
    return file_make(fd, "VERSION", V1_IMAGE_VERSION, strlen(V1_IMAGE_VERSION));
}
