#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Task 1: shows what the client types. One client after the other. */
int main(int argc, char *argv[])
{
	int sockfd, newsockfd, n, opt = 1;
	char buffer[256];
	struct sockaddr_in serv_addr;

	if (argc < 2) {
		fprintf(stderr, "ERROR, no port provided\n");
		exit(1);
	}
	sockfd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(sockfd, SOL_SOCKET, SO_REUSEADDR, &opt, sizeof(opt));
	bzero((char *)&serv_addr, sizeof(serv_addr));
	serv_addr.sin_family = AF_INET;
	serv_addr.sin_addr.s_addr = INADDR_ANY;
	serv_addr.sin_port = htons(atoi(argv[1]));
	if (bind(sockfd, (struct sockaddr *)&serv_addr, sizeof(serv_addr)) < 0) {
		perror("ERROR on binding");
		exit(1);
	}
	listen(sockfd, 5);
	printf("Waiting on port %s\n", argv[1]);
	while (1) {
		newsockfd = accept(sockfd, NULL, NULL);
		printf("A client connected\n");
		while (1) {
			bzero(buffer, 256);
			n = read(newsockfd, buffer, 255);
			if (n <= 0 || strncmp(buffer, "terminate", 9) == 0)
				break;
			printf("Here is the message: %s", buffer);
			fflush(stdout);
		}
		printf("The client disconnected\n");
		close(newsockfd);
	}
}
