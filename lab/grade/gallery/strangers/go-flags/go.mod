module pubsubassignment

go 1.21
