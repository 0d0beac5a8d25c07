module tcp-chat

go 1.22
