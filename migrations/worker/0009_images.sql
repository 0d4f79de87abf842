-- What managers write down of images. A worker only has the words for it.
INSERT INTO event_kinds (word, meaning) VALUES
    ('image-changed', 'A user sent an image that was built for a service, or the manager let go of one.');
