package client;

import java.io.*;
import java.net.*;
import java.util.Scanner;

public class PubSubClient {
    public static void main(String[] args) throws Exception {
        String role = args[2].toUpperCase(), topic = args[3];
        Socket socket = new Socket(args[0], Integer.parseInt(args[1]));
        PrintWriter out = new PrintWriter(socket.getOutputStream(), true);
        out.println(role + " " + topic);
        if (role.equals("PUBLISHER")) {
            Scanner keyboard = new Scanner(System.in);
            while (true) {
                System.out.print("Enter message: ");
                String text = keyboard.nextLine();
                out.println(text);
                if (text.equals("terminate")) break;
            }
        } else {
            BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream()));
            String line;
            while ((line = in.readLine()) != null) {
                System.out.println("Received: " + line);
            }
        }
        socket.close();
    }
}
